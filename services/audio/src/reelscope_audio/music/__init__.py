"""Music: where it is, its beat, bars, energy and drop."""
