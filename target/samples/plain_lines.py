#!/usr/bin/env python3
"""Print the prompts of a JSON lines file as plain lines: plain_lines.py prompts.jsonl >prompts.txt

Left out are prompts that a line cannot hold (those with a line break) and prompts of which a character is
written as an escape: invisible characters, which a reader of the file should see, and made-up tokens, which
look real enough for the secret scanners of hosting services to refuse the file."""
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"]
            if "\\u" not in line and "\n" not in text:
                print(text)


if __name__ == "__main__":
    main()
