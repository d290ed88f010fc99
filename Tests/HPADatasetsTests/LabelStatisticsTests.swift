import Foundation
import HPACore
import HPADatasets
import HPATestSupport
import Testing

let trainCSV = SharedData.path("hpaic/train.csv")
let hasTrainCSV = SharedData.has("hpaic/train.csv")

@Suite struct LabelStatisticsTests {
  @Test func `counts, histogram and co-occurrence of a table that the eye can check`() throws {
    let statistics = LabelStatistics(try LabelTable(ids: ["a", "b", "c", "d"], labels: [[0, 5], [5], [0, 5, 27], []]))
    #expect(statistics.images == 4)
    #expect(statistics.classes.filter { $0.images > 0 }.map(\.id) == [0, 5, 27])
    #expect(statistics.classes.filter { $0.images > 0 }.map(\.images) == [2, 3, 1])
    #expect(statistics.classes[27].name == "Rods & rings")
    #expect(statistics.labelsPerImage == [1, 1, 1, 1])
    #expect(statistics.cooccurrence[0][5] == 2 && statistics.cooccurrence[5][0] == 2 && statistics.cooccurrence[5][27] == 1)
    #expect(statistics.cooccurrence[5][5] == 3 && statistics.cooccurrence[1][5] == 0)
    let copy = try JSONDecoder().decode(LabelStatistics.self, from: JSONEncoder().encode(statistics))
    #expect(copy == statistics)
  }

  @Test(.enabled(if: hasTrainCSV, "needs ../shared/data")) func `train.csv has the published counts`() throws {
    let statistics = LabelStatistics(try LabelTable(contentsOf: trainCSV))
    #expect(statistics.images == 31072)
    #expect(
      statistics.classes.map(\.images) == [
        12885, 1254, 3621, 1561, 1858, 2513, 1008, 2822, 53, 45, 28, 1093, 688, 537, 1066, 21, 530, 210, 902, 1482, 172, 3777, 802, 2965,
        322, 8228, 328, 11,
      ])
    #expect(statistics.labelsPerImage == [0, 15126, 12485, 3160, 299, 2])
  }

  @Test(.enabled(if: hasTrainCSV && Python.isPresent, "needs ../shared/data and scripts/setup test"))
  func `co-occurrence equals NumPy's product`() throws {
    let statistics = LabelStatistics(try LabelTable(contentsOf: trainCSV))
    let text = try Python.run(
      """
      import csv, sys, json, numpy as np
      rows = list(csv.DictReader(open(sys.argv[1])))
      y = np.zeros((len(rows), 28), int)
      for i, row in enumerate(rows): y[i, [int(c) for c in row['Target'].split()]] = 1
      print(json.dumps((y.T @ y).tolist()))
      """, [trainCSV])
    #expect(try JSONDecoder().decode([[Int]].self, from: Data(text.utf8)) == statistics.cooccurrence)
  }
}
