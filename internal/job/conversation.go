package job

import (
	"errors"
	"fmt"
	"time"

	"moreau/internal/chat"
)

// Roles that all templates know.
const (
	system    = "system"
	user      = "user"
	assistant = "assistant"
)

// conversation is what was said so far, and how the model is told of it.
type conversation struct {
	template *chat.Template
	messages []chat.Message
}

func (c *conversation) add(role, content string) {
	c.messages = append(c.messages, chat.Message{Role: role, Content: content})
}

// fromChat begins a conversation, with the prompt if there is one.
func (j *Generate) fromChat() (err error) {
	if j.tok, err = textTokenizer(j.m, "give token ids without --chat: --ids FILE"); err != nil {
		return err
	}
	source := j.tok.Vocab().ChatTemplate
	if source == "" {
		return Input(fmt.Errorf("%s: the model brings no chat template; continue a text without --chat, or take the folder or file of a model made for chats", j.m.Path))
	}
	template, err := chat.New(source)
	if err != nil {
		return Input(fmt.Errorf("%s: %w", j.m.Path, err))
	}
	j.chat = &conversation{template: template}
	if j.o.System != "" {
		j.chat.add(system, j.o.System)
	}
	if j.o.Prompt == "" {
		return nil
	}
	return j.Hear(j.o.Prompt)
}

// Hear takes the user's next message; Execute answers it.
func (j *Generate) Hear(message string) error {
	if message == "" {
		return Usage(errors.New("the message is empty; give some text"))
	}
	j.chat.add(user, message)
	text, err := j.chat.template.Render(j.chat.messages, chat.Options{Tokens: j.tok.Vocab().SpecialTokens(), Answer: true, Now: time.Now()})
	if err != nil {
		return Input(fmt.Errorf("%s: %w", j.m.Path, err))
	}
	j.ids = j.encode(text) // the template has written BOS, if the model wants one
	return nil
}
