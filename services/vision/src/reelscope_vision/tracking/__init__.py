"""Multi-object tracking: from boxes per frame to tracks, whatever the boxes show."""
