"""The engine of studies: their runs, the processes these are done in, and what the processes do."""
