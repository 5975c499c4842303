"""Writes golden.json: what transformers makes of conversations.

usage: python golden.py    (pip install transformers jinja2)

templates   each template of templates/ (README.md there says whose) on each conversation, without and
            with the beginning of an answer: the text, or what raise_exception said
snippets    small templates, for what the environment of chat templates is; null where transformers fails
"""
import glob, json, os
from datetime import datetime
import jinja2
import transformers
from transformers.utils import chat_template_utils

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>"}


class Now(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 3, 9, 14, 5, 6)


def conversation(*turns):
    return [{"role": role, "content": content} for role, content in turns]


ODD = "\u65e5\u672c\u8a9e \U0001f30d e\u0301 \"q\" 'a' <b>&amp;</b> {{ x }} {% if %} \\n \t end"
CONVERSATIONS = {
    "one": conversation(("user", "Hello")),
    "system": conversation(("system", "You are terse."), ("user", "Hello")),
    "turns": conversation(("user", "Hi"), ("assistant", "  Hello!\n"), ("user", " And now?\n\n")),
    "system, turns": conversation(("system", " Be brief. \n"), ("user", "Hi"), ("assistant", "Hello!"), ("user", "Who?"), ("assistant", "A model."), ("user", "Fine")),
    "answered": conversation(("user", "Hi"), ("assistant", "Hello!")),
    "odd": conversation(("system", "Gr\u00fc\u00dfe, \u201eWelt\u201c"), ("user", ODD)),
    "empty": conversation(("user", "")),
    "two users": conversation(("user", "a"), ("user", "b")),
    "assistant first": conversation(("assistant", "a"), ("user", "b")),
    "late system": conversation(("user", "a"), ("system", "b"), ("user", "c")),
    "system alone": conversation(("system", "a")),
    "unknown role": conversation(("user", "a"), ("assistant", "b"), ("critic", "c")),
    "tool": conversation(("user", "a"), ("assistant", "b"), ("tool", '{"x": 1}'), ("user", "c")),
    "thoughts": conversation(("user", "a"), ("assistant", "<think>\nhm\n</think>\n\nb"), ("user", "c")),
}
SNIPPETS = {
    "trim blocks": "a\n{% if true %}\nb\n{% endif %}\nc\n",
    "lstrip blocks": "a\n   {% if true %}\n  b {% endif %} x\n\t{# note #}\nc",
    "no lstrip plus": "a\n   {%+ if true %}b{% endif %}",
    "no trim plus": "{% if true +%}\nb{% endif %}",
    "minus": "a  \n {%- if true -%}  \n b \n {%- endif -%} \n c",
    "var keeps newline": "{{ 1 }}\n{{ 2 }}\n\n",
    "trailing newline": "a\n",
    "trailing newlines": "a\n\n\n",
    "comment minus": "a {#- note -#} b",
    "comment multi": "a\n  {# one\n two #}\n  b",
    "break": "{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "continue": "{% for i in range(5) %}{% if i == 3 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "loop": "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{% if loop.previtem is defined %}<{{ loop.previtem.role }}{% endif %}{% if loop.nextitem is defined %}>{{ loop.nextitem.role }}{% endif %};{% endfor %}",
    "loop else": "{% for m in [] %}x{% else %}none{% endfor %}",
    "loop if": "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content }}{% endfor %}",
    "loop scope": "{% set x = 1 %}{% for m in messages %}{% set x = 2 %}{% endfor %}{{ x }}",
    "if scope": "{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "namespace": "{% set ns = namespace(n=0, s='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% set ns.s = ns.s ~ m.role[0] %}{% endfor %}{{ ns.n }}{{ ns.s }}",
    "set block": "{% set x %}a{{ 1 }}b{% endset %}[{{ x }}]",
    "set tuple": "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "macro": "{% macro f(x, y='d') %}<{{ x }}{{ y }}>{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(x=3, y='e') }}",
    "macro blanks": "a\n{% macro f(x, y='%}') -%}\n  <{{ x }}{{ y }}>\n{% endmacro %}\n{{ f(1) }}|\n  {%- macro g() %}\n  b\n{%- endmacro -%}\n {{ g() }}|{% macro h() %} \n c{% endmacro %}{{ h() }}",
    "macro scope": "{% macro f() %}{{ q }}{% endmacro %}{% set q = 5 %}{{ f() }}",
    "undefined prints empty": "[{{ nope }}]",
    "undefined test": "{{ nope is defined }}{{ nope is undefined }}{{ tools is defined }}{{ tools is none }}{{ not tools }}",
    "default": "{{ nope | default('d') }}{{ '' | default('d') }}{{ '' | default('d', true) }}{{ nope or 'o' }}",
    "inline if": "{{ 'a' if true else 'b' }}{{ 'a' if false }}{{ ('x' if false else 'y') + 'z' }}",
    "and or": "{{ true and 'x' }}{{ false or 'y' }}{{ not false and not (1 == 2) }}",
    "in": "{{ 'a' in 'abc' }}{{ 'role' in messages[0] }}{{ 'z' not in ['y'] }}{{ 'user' in ['user'] }}",
    "compare": "{{ 1 < 2 }}{{ 2 >= 2 }}{{ 'a' != 'b' }}{{ 1 == 1.0 }}{{ (1 == 1) != (2 == 2) }}",
    "math": "{{ 7 // 2 }}{{ 7 % 2 }}{{ 7 / 2 }}{{ 2 ** 3 }}{{ -3 }}{{ 1 + 2 * 3 }}{{ 1.5 + 1 }}{{ 6 / 2 }}",
    "filter binds": "{{ 'a' + ' b ' | trim + 'c' }}",
    "concat": "{{ 'a' ~ 1 ~ none ~ true ~ 1.0 }}",
    "slices": "{{ messages[1:] | length }}{{ messages[-1].role }}{{ 'abcdef'[1:3] }}{{ 'abcdef'[::-1] }}{{ [1,2,3,4][::2] }}{{ 'äöü'[1:] }}{{ 'abc'[-2:] }}",
    "strings": "{{ ' x '.strip() }}|{{ ' x '.lstrip() }}|{{ ' x '.rstrip() }}|{{ 'a-b-c'.split('-') }}|{{ 'a-b-c'.split('-')[-1] }}|{{ 'a</think>b'.split('</think>')[0] }}|{{ '\\n\\nx\\n'.strip('\\n') }}|{{ 'abc'.startswith('ab') }}|{{ 'abc'.endswith('bc') }}|{{ 'aXb'.lower() }}|{{ 'aXb'.upper() }}|{{ 'hello world'.title() }}|{{ 'hello'.capitalize() }}|{{ 'a,b'.replace(',', ';') }}|{{ 'aaa'.replace('a', 'b', 2) }}|{{ 'abc'.find('c') }}|{{ 'aab'.count('a') }}",
    "split none": "{{ ' a  b\\tc '.split() }}{{ 'a b c'.split(' ', 1) }}",
    "join": "{{ ['a', 'b'] | join(', ') }}{{ ', '.join(['x','y']) }}{{ messages | map(attribute='role') | join('-') }}",
    "filters": "{{ 'abc' | length }}{{ 'abc' | upper }}{{ 'ABC' | lower }}{{ ' a ' | trim }}{{ 'x' | capitalize }}{{ [3,1,2] | sort }}{{ [1,2] | first }}{{ [1,2] | last }}{{ 'ab' | list }}{{ '5' | int + 1 }}{{ 5 | string + 'x' }}{{ 'a-b' | replace('-', '+') }}{{ [1,1,2] | unique | list }}",
    "reverse": "{{ [1,2,3] | reverse | list }}{{ 'abc' | reverse }}",
    "select": "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('role', 'equalto', 'user') | map(attribute='content') | join(',') }}{{ [0, 1, 2] | select | list }}{{ [1,2,3] | select('odd') | list }}{{ messages | selectattr('role', 'in', ['user']) | list | length }}",
    "dict": "{% set d = {'b': 1, 'a': {'c': [1, 2.5, none, true, 'é<>&\"']}} %}{{ d.b }}{{ d['a'].c[0] }}{{ d | tojson }}{{ d | tojson(indent=2) }}{% for k, v in d.items() %}{{ k }}{% endfor %}{% for k in d %}{{ k }}{% endfor %}{{ d.get('z', 'none') }}{{ d.get('b') }}{{ d.keys() | list }}{{ d | length }}",
    "tojson sort": "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}{{ {'b': 1} | tojson(separators=(',', ':')) }}",
    "dictsort": "{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %}",
    "items filter": "{% for k, v in {'b': 1, 'a': 2} | items %}{{ k }}{{ v }}{% endfor %}",
    "int keys": "{% set d = {0: 'z', 512: 'x'} %}{{ d[512] }}{% for k in d %}{{ k }}{% endfor %}",
    "print": "{{ true }}{{ false }}{{ none }}{{ [1, 'a', true, none] }}{{ {'a': 1} }}{{ 1.0 }}{{ 1e3 }}{{ 0.1 }}",
    "tests": "{{ 'a' is string }}{{ 1 is number }}{{ [] is iterable }}{{ {} is mapping }}{{ [] is sequence }}{{ true is boolean }}{{ 1 is integer }}{{ 1.5 is float }}{{ none is none }}{{ 2 is even }}{{ 3 is odd }}{{ 4 is divisibleby 2 }}{{ 'a' is not string }}{{ true is true }}{{ 'A' is upper }}{{ '' is string and '' is not mapping }}{{ {} is sequence }}{{ 'a' is iterable }}{{ 1 is sameas 1}}{{ 1 is eq 1 }}{{ 1 is in [1] }}",
    "strftime": "{{ strftime_now('%Y-%m-%d') }} {{ strftime_now('%d %b %Y') }} {{ strftime_now('%B %d, %Y %H:%M:%S %A %a %j %-d %I %p %y %%') }}",
    "raise": "{{ raise_exception('no: ' ~ messages[0].role) }}",
    "raise in if": "{% if messages[0].role == 'user' %}{{ raise_exception('no\\nno') }}{% endif %}",
    "generation": "{% generation %}x{% endgeneration %}y",
    "raw": "{% raw %}{{ x }}{% endraw %}",
    "filter block": "{% filter upper %}a{{ 'b' }}{% endfilter %}",
    "with": "{% with a = 1 %}{{ a }}{% endwith %}",
    "call block": "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}x{% endcall %}",
    "do": "{% set l = [] %}{% set _ = l.append(1) %}{{ l }}",
    "getattr of undefined": "{{ messages[9].role }}",
    "add none": "{{ 'a' + none }}",
    "add int": "{{ 'a' + 1 }}",
    "unknown filter": "{{ 'a' | nope }}",
    "unknown function": "{{ nope() }}",
    "syntax": "{% if %}",
    "unclosed": "{% for m in messages %}",
    "unclosed var": "{{ 'a' ",
    "bad endfor": "{% if true %}{% endfor %}",
    "escapes": "{{ 'a\\tb\\\\n\\'\\\"' }}{{ '\\x41\\u00e9' }}",
    "string concat literals": "{{ 'a' 'b' }}",
    "chained getitem": "{{ messages[0]['content'].split(' ')[0].upper() }}",
    "ternary chain": "{{ 'a' if false else 'b' if false else 'c' }}",
    "elif": "{% if false %}a{% elif true %}b{% else %}c{% endif %}",
    "nested": "{% for m in messages %}{% for n in messages %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "range": "{{ range(3) | list }}{{ range(1, 7, 2) | list }}{{ range(3, 0, -1) | list }}",
    "range large": "{{ range(200000) | length }}",
    "crlf": "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc",
    "unicode idents": "{{ 'ß' | upper }}{{ 'İ'|lower }}",
    "trim wide": "[{{ '\u00a0\u3000x\u2003' | trim }}][{{ '\u200bx'.strip() }}]",
    "rounding": "{{ 2.5 | round }}{{ 3.14159 | round(2) }}{{ 3 | abs }}",
    "loop unpack list": "{% for a, b in [[1, 2], [3, 4]] %}{{ a }}{{ b }}{% endfor %}",
    "loop recursive": "{% for i in [[1,[]],[2,[]]] recursive %}{{ i[0] }}{{ loop(i[1]) }}{% endfor %}",
    "cycle": "{% for m in messages %}{{ loop.cycle('a','b') }}{% endfor %}",
    "equals none": "{{ tools == none }}{{ none == false }}{{ '' == none }}",
    "lstrip arg": "{{ '\\n\\n x'.lstrip('\\n') }}{{ 'xx\\n'.rstrip('\\n') }}",
    "rsplit": "{{ 'a-b-c'.rsplit('-', 1) }}{{ 'a=b'.partition('=') }}",
    "isdigit": "{{ '12'.isdigit() }}{{ 'a'.isalpha() }}{{ '  '.isspace() }}{{ 'a'.isupper() }}",
    "splitlines": "{{ 'a\\nb'.splitlines() }}",
    "format": "{{ '%s-%d' % ('a', 1) }}{{ '{}'.format('x') }}{{ '%s' | format('z') }}",
}


def render(template, messages, answer):
    texts, _ = chat_template_utils.render_jinja_template([messages], chat_template=template, add_generation_prompt=answer, **TOKENS)
    return texts[0]


def case(template, name, answer):
    c = {"conversation": name, "answer": answer}
    try:
        c["text"] = render(template, CONVERSATIONS[name], answer)
    except jinja2.exceptions.TemplateError as e:
        if type(e) is not jinja2.exceptions.TemplateError:  # a failure, not raise_exception
            raise
        c["refusal"] = str(e)
    return c


def snippet(source):
    try:
        return render(source, conversation(("user", "Hello world"), ("assistant", "Hi")), True)
    except Exception:
        return None


def main():
    chat_template_utils.datetime = Now
    templates = {}
    for path in sorted(glob.glob(HERE + "/templates/*.jinja")):
        with open(path, newline="") as f:
            source = f.read()
        templates[os.path.basename(path)] = [case(source, name, answer) for name in CONVERSATIONS for answer in (False, True)]
    golden = {
        "made_by": f"transformers {transformers.__version__}, jinja2 {jinja2.__version__}", "now": "2025-03-09T14:05:06Z", "tokens": TOKENS,
        "conversations": CONVERSATIONS, "templates": templates,
        "snippets": [{"name": name, "source": source, "text": snippet(source)} for name, source in SNIPPETS.items()],
    }
    with open(HERE + "/golden.json", "w") as f:
        json.dump(golden, f, ensure_ascii=False, indent=1)
        f.write("\n")


main()
