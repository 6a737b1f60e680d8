# The schema of 14_capnp.cpp, as a user would have one.
@0xcb1f3a6d70e2495d;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("shop");

struct Order @0xe8a5d1c27b3f9046 {
  item @0 :Text;
  count @1 :UInt32;
  price @2 :Int64;  # of one, in cents
}

struct Receipt @0x9d04b7e6f12c8a53 {
  item @0 :Text;
  total @1 :Int64;  # in cents
}
