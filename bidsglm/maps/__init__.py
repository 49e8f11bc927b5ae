"""Two maps, two models or two folders compared, whoever made them."""
