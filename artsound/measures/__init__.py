"""What can be measured on an image or a clip, without a language model."""
