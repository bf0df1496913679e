"""The sections of the page of what a net has learned: each finds, draws and says one thing, or nothing where there is nothing."""
