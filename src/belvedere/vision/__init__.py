"""Pictures in and out: one bounded decoder, pre-processing by manifest, drawing."""
