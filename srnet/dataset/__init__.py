"""Patient-grouped splits and HDF5 storage."""
