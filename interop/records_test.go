package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// harnessRecords are some of each task, by their files as the hub has them: plain ones, and such as programs
// may disagree about, by blanks, scripts, tags, digits and what looks like a token, longer than some models read.
var harnessRecords = map[string]string{
	"aps/super_glue/boolq/validation": `{"question": "is a whale a fish", "passage": "` + strings.Repeat("The sea is deep. ", 120) + `Whales -- Whales live in the sea and breathe air. They are mammals, as bats are.", "idx": 0, "label": 0}
{"question": "can  you  walk from Köln to Düsseldorf", "passage": "  Der Weg am Rhein ist 50 km lang; 3 Tage reichen.\n\nMan geht\tam Ufer. ", "idx": 1, "label": 1}
{"question": "does </s> end a text", "passage": "<s> begins a text, <|im_start|> a message.", "idx": 2, "label": 1}
{"question": "is 1234567 larger than 12,345.67", "passage": "数字 are written 一二三; १२३ too. Emoji: 👩‍🚀🏽.", "idx": 3, "label": 1}
`,
	"baber/piqa/data/validation": `{"goal": "To keep a door from closing", "sol1": "put a wedge under it.", "sol2": "put a pillow on the roof.", "label": 0}
{"goal": "dry wet shoes ", "sol1": "fill them with water ", "sol2": "fill them with  crumpled newspaper  ", "label": 1}
{"goal": "Wie schält man eine Mango?", "sol1": "Mit dem Messer — längs", "sol2": "mit 2 Löffeln\nund Geduld", "label": 0}
{"goal": "x", "sol1": "a", "sol2": "b", "label": 1}
`,
	"Rowan/hellaswag/data/validation": `{"ind": 1, "activity_label": "Baking bread", "ctx_a": "A woman kneads dough on a table.", "ctx_b": "she", "ctx": "", "endings": ["puts it into the oven.", "throws the table away.", "sings to a cow.", "swims through it."], "label": "0"}
{"ind": 2, "activity_label": "Home and Garden", "ctx_a": "[header] How to water plants [title] Look at the soil. [step] Dry soil is pale.", "ctx_b": "", "ctx": "", "endings": ["[substeps] Put a finger  in it. [title] Wait.", "Paint it.", "Ask 3 neighbours!", "Éat it [step] slowly."], "label": "2"}
{"ind": 3, "activity_label": "Long jump", "ctx_a": "He runs  to the line.", "ctx_b": "the MAN", "ctx": "", "endings": ["jumps.", "jumps", " jumps far  away ", "sleeps."], "label": "3"}
{"ind": 4, "activity_label": "Schach", "ctx_a": "Zwei Kinder spielen.", "ctx_b": "ein Kind", "ctx": "", "endings": ["zieht den König.", "isst das Brett.", "wird ein Pferd.", "fliegt."], "label": "0"}
`,
	"allenai/winogrande/winogrande_xl/validation": `{"sentence": "The cup did not fit into the box because _ was too small.", "option1": "the cup", "option2": "the box", "answer": "2"}
{"sentence": "Ines lent Ole her bike, so _ had to walk _ home.", "option1": "Ines", "option2": "Ole", "answer": "1"}
{"sentence": "The tea was hot and the milk was cold;  _  cooled it.", "option1": "the tea", "option2": "the milk", "answer": "2"}
{"sentence": "_ is the larger of 7 and 12.", "option1": "7", "option2": "12", "answer": "2"}
`,
	"allenai/ai2_arc/ARC-Easy/test": `{"id": "own-1", "question": "Which of these gives light of its own?", "choices": {"text": ["the Moon", "a candle", "a mirror", "a window"], "label": ["A", "B", "C", "D"]}, "answerKey": "B"}
{"id": "own-2", "question": "What is 7 x 8 ?", "choices": {"text": ["54", "56", "5 6"], "label": ["1", "2", "3"]}, "answerKey": "2"}
{"id": "own-3", "question": "Water freezes at\n", "choices": {"text": ["0 °C", "0 °C.", "100 °C", "37 °C", "−40 °F"], "label": ["A", "B", "C", "D", "E"]}, "answerKey": "A"}
{"id": "own-4", "question": "A seed needs", "choices": {"text": [" water", "water ", "wood", "wool"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
`,
	"allenai/ai2_arc/ARC-Challenge/test": `{"id": "own-5", "question": "Why does ice float on water?", "choices": {"text": ["It is less dense.", "It is colder.", "It is white.", "It is salty."], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
{"id": "own-6", "question": "Iron rusts when it meets", "choices": {"text": ["oxygen and water", "oxygen and  water", "gold", "glass"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
{"id": "own-7", "question": "日本で一番高い山は？", "choices": {"text": ["富士山", "阿蘇山"], "label": ["1", "2"]}, "answerKey": "1"}
{"id": "own-8", "question": "H₂O + CO₂ →", "choices": {"text": ["H₂CO₃", "O₃", "CH₄", "NaCl"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
`,
	"allenai/openbookqa/main/test": `{"id": "o-1", "question_stem": "A magnet pulls", "choices": {"text": ["an iron nail", "a wooden spoon", "a paper bag", "a glass of milk"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
{"id": "o-2", "question_stem": "Birds fly south to ", "choices": {"text": ["find food", "see the sea", "be cold", "learn"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
{"id": "o-3", "question_stem": "", "choices": {"text": ["Nothing", "stands", "before", "this"], "label": ["A", "B", "C", "D"]}, "answerKey": "D"}
{"id": "o-4", "question_stem": "Schnee ist", "choices": {"text": ["weiß", "weiss", "heiß", "🔥"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
{"id": "o-5", "question_stem": "Once upon a time, there was a little girl named Lily. She", "choices": {"text": ["loved to", "was", "had a", "saw a"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"}
`,
}

// writeRecords writes them into a folder, half of the data sets as parquet.
func writeRecords(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var parquet []string
	for name, lines := range harnessRecords {
		path := filepath.Join(dir, name)
		writeFiles(t, filepath.Dir(path), map[string]string{filepath.Base(path) + ".jsonl": lines})
		if strings.HasPrefix(name, "a") {
			parquet = append(parquet, path)
		}
	}
	pythonOf(t, harnessPython(), append([]string{"-c", `import sys, pyarrow.json, pyarrow.parquet
for path in sys.argv[1:]: pyarrow.parquet.write_table(pyarrow.json.read_json(path + ".jsonl"), path + ".parquet")`}, parquet...)...)
	for _, path := range parquet {
		if err := os.Remove(path + ".jsonl"); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
