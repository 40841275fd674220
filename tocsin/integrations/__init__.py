"""What do outside products say, and how do we speak to them? One folder each, cut by capability."""
