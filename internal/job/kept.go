package job

// Kept are the files beside the output from which the same command goes on, where they are there.
func (j *Prune) Kept() []string {
	out := j.o.Out.Path
	paths := []string{selfStore(out)}
	if j.scoring != nil {
		paths = j.scoring.kept(out)
	}
	if j.refit != nil {
		paths = append(paths, refitStore(out))
	}
	return paths
}

// Kept are the files beside the output from which the same command goes on, where they are there.
func (j *Score) Kept() []string { return j.scoring.kept(j.o.Out) }

func (s *scoring) kept(out string) []string {
	paths := []string{selfStore(out)}
	if s.method.Needs.State {
		paths = append(paths, stateJournal(out))
	}
	return paths
}
