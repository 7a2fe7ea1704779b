/// The bytes of one try: the first says where the rest is cut in two.
struct Input {
  var bytes: [UInt8]
  var pieces: [[UInt8]]

  init(_ start: UnsafePointer<UInt8>, _ count: Int) {
    let all = Array(UnsafeBufferPointer(start: start, count: count))
    bytes = Array(all.dropFirst())
    let cut = bytes.isEmpty ? 0 : Int(all[0]) * bytes.count / 256
    pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
  }
}
