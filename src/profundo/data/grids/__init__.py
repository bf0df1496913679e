"""Images with a class or a number for each pixel: folders of images and masks, arrays; how masks are coded."""
