"""Figures of detections: what a net found in images, beside what is there."""
