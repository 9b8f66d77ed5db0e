"""Work on foreign files in a process of its own, with bounded time and memory."""
