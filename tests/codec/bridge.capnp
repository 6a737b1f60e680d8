# A user's own schema, for capnp_test.cpp.
@0xb1be7e82431e0f60;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("shop_schema");

struct Order @0xd7c2f5b0a1e94c31 {
  item @0 :Text;
  count @1 :UInt32 = 1;
  parts @2 :List(Part);
  weights @3 :List(Float64);

  struct Part {
    name @0 :Text;
  }
}

struct Receipt @0xa9f4b83de2017c55 {
  total @0 :Int64;
}

struct Anything @0xc2f6a1d0934be785 {
  any @0 :AnyPointer;
}
