"""Selections that several models share, in Business Central's words."""

DIRECTIONS = [
    ("bidirectional", "Bidirectional"),
    ("to_integration", "To Dataverse"),
    ("from_integration", "From Dataverse"),
]
