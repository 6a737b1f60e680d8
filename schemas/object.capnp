# Values of fanmill: payload encoding 1, `object`.
#
# A payload in this encoding is one self-describing value: a task's input or a result, such as 17, "text",
# [1.5, 2.5] or a struct of the user's. It can be read without knowing the types of the program that wrote it.
#
# FORM. One Cap'n Proto message whose root is a Value: a single segment WITHOUT the segment table, unpacked, as the
# header frames are. The payload's length is a multiple of 8. Word 0 is the root pointer. A writer MUST write each
# Value with its full size (2 data words, 1 pointer) and MUST NOT use far pointers or capabilities. A reader ignores
# bytes that no pointer leads to. A scalar payload is 32 bytes; each element of a list adds 24 bytes, of a packed
# list 8.
#
# LAYOUT, for programs without a Cap'n Proto library. Of the 24 bytes of a Value, little-endian:
#   bytes 0-1   which member of the union it is, counted from 0 in the order below: null 0, bool 1, int 2, uint 3,
#               big 4, float 5, text 6, bytes 7, list 8, ints 9, floats 10, tuple 11, map 12, struct 13
#   byte 2      bit 0: `bool`, or `big.negative`
#   bytes 8-15  `int`, `uint` or `float`
#   bytes 16-23 the pointer of all others (a Text includes a NUL that its size counts)
#
# LIMITS. Lists, tuples, maps and structs nest at most 64 deep; a reader MUST refuse deeper ones, and MUST bound its
# work by the payload's size (pointers of a hostile payload may lead to the same place many times). No list has more
# elements than the payload has words.
#
# WHAT C++ PROGRAMS SEND. Sets go as lists. A variant is a tuple of two: the number of its alternative, from 0, and
# that alternative's value. A duration is an integer, its nanoseconds (a float of nanoseconds if the program counts
# with one); a point in time is the duration since 1970-01-01 00:00 UTC. A path is text. Fields that have no value
# are null. docs/guide.md has the whole table, schemas/frozen/objects.txt examples in JSON and bytes.
#
# AS JSON. A worker that takes only encoding 2 (`json`) is sent JSON, and its JSON is converted back; both ways are
# total. Text, lists, maps with only text keys, structs (as objects by field name, the struct's name is dropped),
# null, true and false are what one expects. A float always has a '.' or an exponent. The rest is an object with one
# member:
#   {"$int": "9007199254740993"}      an integer beyond +-(2^53 - 1), in decimal, beyond 1784 bytes of magnitude
#                                     in hexadecimal behind "0x" or "-0x"
#   {"$float": "nan"}                 nan, inf or -inf
#   {"$bytes": "aGk="}                bytes in base64, with padding; also text that is not UTF-8
#   {"$tuple": [1, 2]}                a tuple
#   {"$map": [[1, "a"], [2, "b"]]}    a map with a key that is not text
# A key that begins with '$' is written with one more '$' before it. A reader takes an object for one of the five
# only if it has exactly that one member; it removes one '$' from keys that begin with "$$", keeps other keys as they
# are, refuses a key that stands twice in one object or in one $map, and reads plain integers of any size exactly.

@0xe2c1f3a95b7d4802;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("fanmill::schema");

struct Value {
  # Member numbers are never used again; a reader refuses a member that it does not know.

  union {
    null @0 :Void;

    bool @1 :Bool;

    int @2 :Int64;
    # Every integer that fits.

    uint @3 :UInt64;
    # Only integers above 2^63 - 1.

    big :group {
      # Only integers below -2^63 or above 2^64 - 1.

      negative @4 :Bool;
      magnitude @5 :Data;
      # Little-endian, the last byte is not zero. Readers accept other lengths.
    }

    float @6 :Float64;

    text @7 :Text;
    # UTF-8. A writer MUST send text that is not valid UTF-8 as `bytes`.

    bytes @8 :Data;

    list @9 :List(Value);

    ints @10 :List(Int64);
    # The same as a `list` of `int`. Writers choose freely between the two, readers accept both.

    floats @11 :List(Float64);
    # The same as a `list` of `float`.

    tuple @12 :List(Value);

    map @13 :List(Value);
    # Key, value, key, value, in no promised order; an even number of elements. Keys may be of any kind; no key
    # stands twice. (One flat list, not a list of pairs: a third of the size and one step for the reader.)

    struct @14 :Struct;
  }
}

struct Struct {
  # A struct of the user's. Readers match fields by name, ignore those they do not know, and do not compare the
  # struct's name.

  names @0 :Text;
  # The struct's name, then each field's name, each after a newline: "Point\nx\ny". (One text, not one per field: a
  # reader that expects the same struct compares it as a whole and then takes the values by position.)

  values @1 :List(Value);
  # One for each field, in the order of `names`.
}
