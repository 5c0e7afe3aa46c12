"""The image index: pictures in, the pictures that a crop was cut from out."""
