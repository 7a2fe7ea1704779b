/// NumPy's planes: see `Fuzz/Decoding`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe fuzzDecoder(of: .npy, bytes, count)
}
