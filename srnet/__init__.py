"""3DSRNet: from biplanar x-rays to a 3-D CT of the spine."""
