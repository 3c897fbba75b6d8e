"""Images with several objects each: where the objects are, or only which classes are there."""
