"""Which target images hurt: judged by a convex head or over the network, chosen, written down."""
