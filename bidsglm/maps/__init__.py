"""Two maps, two models or two folders compared, whichever program made them."""
