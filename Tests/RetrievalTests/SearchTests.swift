import CKernels
import Randomness
import Testing

@testable import Retrieval

@Suite struct `Search in codes` {
  /// Vectors of length 1, in groups around common directions as those of pictures are.
  static func vectors(_ count: Int, _ dimension: Int, seed: UInt64) -> [[Float]] {
    var stream = RandomStream(seed: seed, purpose: .weights, index: 0)
    let centers = (0..<5).map { _ in (0..<dimension).map { _ in Float(stream.normal()) } }
    return (0..<count).map { row in
      let vector = centers[row % 5].map { $0 + 0.7 * Float(stream.normal()) }
      let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return vector.map { $0 / norm }
    }
  }

  private static let shapes = [
    (1, 1, 1), (3, 17, 2), (512, 200, 7), (33, 1030, 13), (100, 64, 64),
  ]

  /// Whether the products of the processor's scan are those of the naive loops.
  private static func agree(dimension: Int, rows: Int, queries: Int) -> Bool {
    let data = vectors(rows, dimension, seed: 1).flatMap(\.self)
    let blocks = (rows + 15) / 16
    var codes = AlignedBytes(count: Int(ck_code_bytes(Int64(rows), Int64(dimension))))
    var (scales, errors) = ([Float](repeating: 0, count: rows), [Float](repeating: 0, count: rows))
    unsafe ck_encode_rows(data, Int64(rows), Int64(dimension), codes.base, &scales, &errors)
    let encoded = QueryCodes(vectors(queries, dimension, seed: 2), dimension: dimension)
    var products = [Int32](repeating: -1, count: queries * blocks * 16)
    var naive = products
    unsafe ck_scan_codes(
      codes.base, Int64(blocks), Int64(dimension), encoded.codes, Int64(queries), &products)
    unsafe ck_naive_scan_codes(
      codes.base, Int64(blocks), Int64(dimension), encoded.codes, Int64(queries), &naive)
    codes.free()
    return products == naive
  }

  @Test(arguments: shapes)
  func `the processor's products are those of the naive loops`(
    dimension: Int, rows: Int, queries: Int
  ) {
    #expect(Self.agree(dimension: dimension, rows: rows, queries: queries))
  }

  @Test func `so are those of older processors`() async {
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_avx2)
      for (dimension, rows, queries) in Self.shapes {
        precondition(Self.agree(dimension: dimension, rows: rows, queries: queries))
      }
    }
  }

  @Test func `no row whose product reaches the threshold is left out, and few others are kept`() {
    let (rows, dimension) = (1024, 96)
    let vectors = Self.vectors(rows, dimension, seed: 3)
    var codes = AlignedBytes(count: Int(ck_code_bytes(Int64(rows), Int64(dimension))))
    var (scales, errors) = ([Float](repeating: 0, count: rows), [Float](repeating: 0, count: rows))
    unsafe ck_encode_rows(
      vectors.flatMap(\.self), Int64(rows), Int64(dimension), codes.base, &scales, &errors)
    for query in Self.vectors(20, dimension, seed: 4) {
      let exact = vectors.map { row in
        zip(row, query).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      }
      let encoded = QueryCodes([query], dimension: dimension)
      var products = [Int32](repeating: 0, count: rows)
      unsafe ck_scan_codes(
        codes.base, Int64(rows / 16), Int64(dimension), encoded.codes, 1, &products)
      for threshold in [-0.5, 0, 0.3, exact.sorted().suffix(10)[rows - 10]] as [Double] {
        var found = [Int32](repeating: 0, count: rows)
        let count = unsafe Int(
          ck_find_above(
            products, Int64(rows), scales, errors, encoded.queries[0], Float(threshold), &found))
        let kept = Set(found[..<count].map(Int.init))
        let needed = Set(exact.indices.filter { Float(exact[$0]) >= Float(threshold) })
        let allowed = Set(exact.indices.filter { exact[$0] >= threshold - 0.1 })
        #expect(needed.isSubset(of: kept) && kept.isSubset(of: allowed))
      }
    }
    codes.free()
  }

  /// Whether numbers become float16 and float32 again as Swift's own types have it, which is independent of the kernels.
  private static func convertsAsSwift() -> Bool {
    let all = (0...UInt16.max).map { Float16(bitPattern: $0) }
    var wide = [Float](repeating: 1, count: all.count)
    unsafe ck_float32_from_float16(all.map(\.bitPattern), Int64(all.count), &wide)
    let isWidened = zip(wide, all).allSatisfy { wide, half in
      half.isNaN ? wide.isNaN : wide.bitPattern == Float(half).bitPattern
    }
    var stream = RandomStream(seed: 9, purpose: .weights, index: 0)
    let numbers =
      all.filter(\.isFinite).flatMap { half in
        [Float(half), (Float(half) + Float(half.nextUp)) / 2, Float(half).nextUp]
      } + (0..<5000).map { _ in Float(stream.normal()) * 1e-4 } + [1e30, -65520, 65519.99]
    var narrow = [UInt16](repeating: 0, count: numbers.count)
    unsafe ck_float16_from_float32(numbers, Int64(numbers.count), &narrow)
    return isWidened && narrow == numbers.map { Float16($0).bitPattern }
  }

  @Test func `float16 is rounded and read as Swift does it`() async {
    #expect(Self.convertsAsSwift())
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_avx2)
      precondition(Self.convertsAsSwift())
    }
    await #expect(processExitsWith: .success) {
      ck_limit_processor(ck_any_processor)
      precondition(Self.convertsAsSwift())
    }
  }

  @Test func `the nearest rows are kept in order, the lower row first among equals`() {
    var stream = RandomStream(seed: 5, purpose: .weights, index: 0)
    for capacity in [1, 3, 10] {
      let all = (0..<200).map {
        Neighbour(row: $0, score: Float(stream.index(below: 20)) / 20)
      }
      var nearest = NearestRows(capacity: capacity)
      for neighbour in all { nearest.add(neighbour) }
      let sorted = all.sorted { ($1.score, $0.row) < ($0.score, $1.row) }
      #expect(nearest.sorted == Array(sorted.prefix(capacity)))
    }
  }
}

/// Bytes that begin at a cache line.
@safe
private struct AlignedBytes {
  let base: UnsafeMutablePointer<UInt8>

  init(count: Int) {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
    unsafe base = unsafe raw.bindMemory(to: UInt8.self, capacity: count)
  }

  mutating func free() { unsafe UnsafeMutableRawPointer(base).deallocate() }
}
