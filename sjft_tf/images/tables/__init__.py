"""Tables and lists as others wrote them."""
