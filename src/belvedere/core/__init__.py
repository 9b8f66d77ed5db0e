"""The few things every room needs: exceptions, safe files and archives, limits."""
