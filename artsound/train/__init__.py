"""ArtToMus: from a release to a model that makes music for an image. Needs the extra `train`."""
