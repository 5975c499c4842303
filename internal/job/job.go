// Package job is what the commands do, as values: options become a job, which checks them
// and opens what they name; its plan says what will be done, what that takes and where
// results go; executing the plan gives a report. Nothing here prints: flags, wording,
// progress bars and exit codes are the caller's.
package job

// Phase is a stretch of a job whose progress is told.
type Phase int

// The phases, and what each is of.
const (
	Scoring             Phase = iota // a method
	Drawing                          // ""
	Perplexity                       // a text
	DensePerplexity                  // a text
	PrunedPerplexity                 // a text
	RefittedPerplexity               // a text
	TunedPerplexity                  // a text
	RecoveredPerplexity              // a text
	Comparing                        // ""
	Refitting                        // ""
	Tuning                           // ""
	Recovering                       // ""
	Allocating                       // ""
	Weighing                         // ""
	Answering                        // a task
	Hashing                          // a model
	Writing                          // ""
	Pulling                          // a repository
	TimingStep                       // a geometry
	TimingOps                        // a geometry
	TimingGeneration                 // how many tokens
)

// Progress hears how far a job is. One phase ends before the next begins; one that fails
// has no end.
type Progress interface {
	Begin(p Phase, of string, total int64)
	At(done int64)      // of the total; never falls
	End(result float64) // loss, perplexity or bytes; NaN: none
	Note(line string)   // something that a person should know
}
