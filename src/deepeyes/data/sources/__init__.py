"""Reading rows: files and hubs, their columns and layouts, and the images in them."""
