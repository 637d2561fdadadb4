package store

// What tests steer a Memory with.

// Step lets n of the waiting commits and loads go, and returns when their dones have. It must not be called from one.
func (m *Memory) Step(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps = n
	m.start()
	m.settle()
	m.steps = 0
}

// Run ends the delay: what waits goes, in order, and what comes commits at once. It returns when nothing waits.
func (m *Memory) Run() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delayed = false
	m.start()
	m.settle()
}

// Waiting is how many commits and loads wait.
func (m *Memory) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting)
}

// Fail makes every commit and load from now on report err, as a log does after its first failed write.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
}

// SetPressure sets what Pressure says while nothing has failed.
func (m *Memory) SetPressure(p Pressure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pressure = p
}

// Reopen gives a store with what this one has committed, as after a restart: whatever waits is lost without a word, and
// the old store is not to be used any more. With Close before, nothing is lost.
func (m *Memory) Reopen() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting, m.closed = nil, true
	n := NewMemory()
	var b Batch
	m.st.visit(func(r *Record) error { b.Record(r); return nil })
	// All of it is one batch, because a message needs its deliveries in its own.
	n.st.fold(b.Bytes(), &n.scratch)
	return n
}
