"""Series: values in the order of time, to be classified, or to be predicted further."""
