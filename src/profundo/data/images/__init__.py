"""Images: files and folders, pixels, the formats of MNIST and CIFAR."""
