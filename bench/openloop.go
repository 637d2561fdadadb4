package bench

// openloop is p2p at a rate: messages are sent when they are due, whatever the broker does, and timed from then. Its
// percentiles are what a user waits; a closed loop's are not, because there a slow broker is asked less.
var openloop = Scenario{
	Name:    "openloop",
	Summary: "pairs at a given rate, with latency from the intended send",
	Default: Config{Publishers: 50, Rate: defaultRate},
	Check:   checkOpenLoop,
	run:     runPairs,
}

const defaultRate = 10_000

func checkOpenLoop(c *Config) error {
	if c.Rate == 0 {
		c.Rate = defaultRate
		c.Window = 0
	}
	return checkPairs(c)
}
