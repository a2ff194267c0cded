"""What the server holds: sessions, loaded checkpoints, voxels to draw."""
