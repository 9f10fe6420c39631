// The interface of the plug-in that the component in C calls; its structs are laid out by it.

export const ECHO_WIT = `package test:abi;
interface echo {
  enum color { red, green, dark-blue }
  flags rights { read, write, run, delete-all }
  variant shape { dot, circle(f32), path(list<tuple<s16, s16>>) }
  record everything {
    truth: bool, letter: char,
    a: u8, b: s8, c: u16, d: s16, e: u32, f: s32, g: u64, h: s64,
    i: f32, j: f64,
    text: string,
    color: color, rights: rights,
    shapes: list<shape>,
    twice: option<option<u8>>,
    outcome: result<char, s64>,
  }
  same: func(all: everything) -> result<everything, string>;
}
`;
