package main

import (
	"fmt"
	"io"

	"moreau/internal/job"
)

// printPerplexity writes perplexities of one model.
func printPerplexity(w io.Writer, all []job.Measured) {
	rows := []string{"text\tprotocol\trows\ttokens\tperplexity\tstderr\ttokens/s\tBOS"}
	for _, m := range all {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%d\t%.4f\t%.4f\t%.0f\t%s", m.Text, protocolOf(m), m.Rows, m.Tokens, m.Perplexity, m.Stderr, m.TokensPerSecond, yes(m.BOS)))
	}
	table(w, rows...)
	for _, m := range all {
		if r := m.Rolling; r != nil {
			fmt.Fprintf(w, "%s: %d words, %d bytes: word_perplexity %.4f ± %.4f, byte_perplexity %.4f, bits_per_byte %.4f\n",
				m.Text, r.Words, r.Bytes, r.WordPerplexity, r.WordStderr, r.BytePerplexity, r.BitsPerByte)
		}
	}
}

// protocolOf names how a perplexity was measured, with the tokens read at once.
func protocolOf(m job.Measured) string {
	if m.Length == 0 {
		return m.Protocol
	}
	return fmt.Sprintf("%s, %d", m.Protocol, m.Length)
}

// figure is a number of a text.
type figure struct {
	name string
	of   func(job.Measured) string
}

// figures are those that a text has.
func figures(m job.Measured) []figure {
	all := []figure{{"perplexity", func(m job.Measured) string { return fmt.Sprintf("%.4f ± %.4f", m.Perplexity, m.Stderr) }}}
	if m.Rolling == nil {
		return all
	}
	return append(all, figure{"word_perplexity", func(m job.Measured) string {
		return fmt.Sprintf("%.4f ± %.4f", m.Rolling.WordPerplexity, m.Rolling.WordStderr)
	}}, figure{"byte_perplexity", func(m job.Measured) string { return fmt.Sprintf("%.4f", m.Rolling.BytePerplexity) }},
		figure{"bits_per_byte", func(m job.Measured) string { return fmt.Sprintf("%.4f", m.Rolling.BitsPerByte) }})
}
