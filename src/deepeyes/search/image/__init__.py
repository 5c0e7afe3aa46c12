"""The image index: images in, the images that a crop was cut from out."""
