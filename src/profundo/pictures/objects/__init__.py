"""Objects in images for the eye: boxes and masks on their pictures, and how well they were found."""
