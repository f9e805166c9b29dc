import argparse
import ganzoo
from ganzoo.algorithm import RunView
from ganzoo.interfaces import Schedule
class LeftInZeroToOne(Schedule):
    @ganzoo.hookimpl
    def run_start(self, run: RunView) -> None:
        run.add_real_transform(lambda images: (images + 1) / 2)
    def step_start(self, run: RunView) -> None:
        pass
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kimg", type=float, default=30)
    kimg = parser.parse_args().kimg
    for m in ([LeftInZeroToOne()], []):
        run = ganzoo.train("dcgan", kimg=kimg, schedule=m, settings={"dataset.count": 10_000})
        p = run.sample(256).float()/127.5-1
        print(m, run.metrics[-1], p.min().item(), p.median().item(),p.mean().item(), run.path)
if __name__ == "__main__":
    main()
