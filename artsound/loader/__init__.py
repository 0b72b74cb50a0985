"""Reading a release for training: by number or as a shuffled stream, exact to the sample after a restart."""
