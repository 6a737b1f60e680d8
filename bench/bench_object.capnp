# The values of bench_object.cpp, as somebody would write them who uses Cap'n Proto by hand.
@0xbd6f7a2c91e03845;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("bench_schema");

struct Small {
  id @0 :Int64;
  name @1 :Text;
  weight @2 :Float64;
}

struct Ten {
  id @0 :Int64;
  count @1 :Int32;
  x @2 :Float64;
  y @3 :Float64;
  z @4 :Float64;
  name @5 :Text;
  city @6 :Text;
  active @7 :Bool;
  hasWeight @8 :Bool;
  weight @9 :Float64;
  tags @10 :List(Int64);
}

struct Doubles {
  values @0 :List(Float64);
}
