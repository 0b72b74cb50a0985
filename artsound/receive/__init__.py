"""Getting a published release: pull, verify from afar, repair, compare versions, patch, leave out."""
