"""Callbacks for training loops that are not ours. Each needs its library only once it is made."""
