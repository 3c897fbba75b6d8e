"""The kinds of heat maps by name."""

HEAT_MAP_KINDS = ("auto", "class_activation", "gradcam")
"""How it is found out where a network looks; "auto" takes the class activation map where there is one."""
