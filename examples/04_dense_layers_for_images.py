import argparse
import ganzoo
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kimg", type=float, default=30)
    kimg = parser.parse_args().kimg
    for m in ("gan", "dcgan"):
        run = ganzoo.train(m, kimg=kimg, resolution=32, settings={"dataset.count": 10_000})
        p = run.sample(256).float()/127.5-1
        d = ((p[...,1:]-p[...,:-1]).abs().mean()+(p[...,1:,:]-p[...,:-1,:]).abs().mean())/2
        print(m, run.metrics[-1], d.item(), sum(x.numel() for x in run.generator().parameters()))
    from ganzoo.data.digits import Digits
    p=Digits(count=256).load(32)[0].float()/127.5-1
    print("real", ((p[...,1:]-p[...,:-1]).abs().mean()+(p[...,1:,:]-p[...,:-1,:]).abs().mean())/2)
if __name__ == "__main__":
    main()
