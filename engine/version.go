package engine

// Version is what `penstock version` and $SYS/broker/version say.
const Version = "0.1.0-dev"
