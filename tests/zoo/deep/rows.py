"""What all networks are asked."""

# Rows of the last case, drawn at random; where the batch is exported as fixed, rows of all cases together.
MANY_ROWS = 200
