// A target that precompiles headers has to have a unit of its own.
