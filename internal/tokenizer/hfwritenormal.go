package tokenizer

// hfBlanks says how blanks become U+2581: the pre-tokeniser Metaspace, or a normaliser.
func (v *Vocab) hfBlanks() (normalizer, pre any) {
	steps := v.hfNormalizers()
	if v.Metaspace != "" {
		return sequence(steps), object{"type": "Metaspace", "replacement": blank, "prepend_scheme": v.Metaspace, "split": v.SplitBlanks}
	}
	if v.RemoveExtraSpaces {
		steps = append(steps, replace("Regex", blankRuns, " "), replace("Regex", outerBlanks, ""))
	}
	if v.AddSpacePrefix {
		steps = append(steps, object{"type": "Prepend", "prepend": blank})
	}
	return sequence(append(steps, replace("String", " ", blank))), nil
}

func (v *Vocab) hfNormalizers() []object {
	var steps []object
	for _, n := range v.Normalizers {
		switch n.Type {
		case "Replace":
			steps = append(steps, replace("String", n.Pattern, n.Content))
		case "Strip":
			steps = append(steps, object{"type": n.Type, "strip_left": n.Left, "strip_right": n.Right})
		default:
			steps = append(steps, object{"type": n.Type})
		}
	}
	return steps
}

// sequence is the normaliser of these steps; nil where there are none.
func sequence(steps []object) any {
	switch len(steps) {
	case 0:
		return nil
	case 1:
		return steps[0]
	}
	return object{"type": "Sequence", "normalizers": steps}
}

func replace(kind, pattern, content string) object {
	return object{"type": "Replace", "pattern": object{kind: pattern}, "content": content}
}
